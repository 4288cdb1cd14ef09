"""A run -> what its network says."""
