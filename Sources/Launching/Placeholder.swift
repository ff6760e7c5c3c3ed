// Launching
