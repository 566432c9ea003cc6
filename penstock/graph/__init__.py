"""What a program is: operations, tensors, types, shapes, scopes, and the record of each op."""
