"""What a training is made from and what it leaves behind."""
