"""What an installation is: settings, keys, folders and database, opened once."""
