"""Find a folder's migrations, in the order of the tool that they were written for."""
