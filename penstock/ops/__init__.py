"""What an op means: one file a subject, with spec, shape rule, kernel, gradient and public function together."""
