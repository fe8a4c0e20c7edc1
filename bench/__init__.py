"""Speed, as ratios against a baseline in the same run; `--list` tells what there is."""
