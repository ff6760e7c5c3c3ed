// Experts
