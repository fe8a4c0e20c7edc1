"""The outbox on its way out: signed, tried until delivered or given up, never inwards."""
