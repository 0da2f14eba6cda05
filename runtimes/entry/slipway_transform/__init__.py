"""Batch transform: splits inputs into records, asks the model servers, assembles their answers. Standard library only."""
