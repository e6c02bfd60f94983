"""The super-resolution methods: one file each, found by name through `registry`."""
