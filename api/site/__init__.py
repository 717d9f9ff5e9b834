"""Plain routes for browsers and operators: sign-in, downloads, pictures, health, metrics."""
