"""Events and what they sell: packages, options, promo codes and images."""
