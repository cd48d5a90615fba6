"""What a trained network answers: sequences from files or drawn, and rows for screen and file."""
