"""What a trained network looks at, and the page of the demo."""
