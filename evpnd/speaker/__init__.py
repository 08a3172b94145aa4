"""What runs inside ExaBGP; the only package that imports exabgp."""
