"""The consumers that watch prices and order fills of trigger orders; they change no account themselves."""
