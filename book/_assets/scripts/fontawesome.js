// Empty on purpose: the theme's style sheet has the same icons as a font, a fifth of the size.
