"""Generated RGB-D scenes, a model of a low-resolution sensor, and a camera node that publishes them."""
