"""What runs on the drone: head, gate, guard."""
