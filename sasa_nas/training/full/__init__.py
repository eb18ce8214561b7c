"""Full training by a recipe: optimisers, schedules, losses, mixing of images, averages of weights."""
