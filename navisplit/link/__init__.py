"""The radio between vehicle and edge: models of delay, rate and loss."""
