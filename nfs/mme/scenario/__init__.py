"""What simulated UEs do, and when: populations and events of a TOML file, played by seed and clock."""
