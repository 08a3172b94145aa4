"""What should be in the kernel's tables: `floods`."""
