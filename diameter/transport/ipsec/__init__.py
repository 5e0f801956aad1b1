"""IPsec under a link: who brings it up (`hook`), and how nothing passes without it."""
