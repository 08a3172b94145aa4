"""What should be in the kernel's tables: `floods`, and `obstacles` to rows of MACs."""
