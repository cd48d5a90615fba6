"""Recurrent networks on long-dependency tasks, started at the identity (Le, Jaitly & Hinton 2015)."""
