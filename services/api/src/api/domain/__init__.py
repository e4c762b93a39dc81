"""What a read model is made of, and the rules of accounts. Pure: no await, no clock."""
