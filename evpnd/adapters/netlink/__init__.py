"""The kernel: links, FDB, neighbours, and ARP and ND on tenant ports."""
