"""What runs on the server: tail, policies, one session a drone."""
