"""Updates, evaluation, the divergence guard and the loop."""
