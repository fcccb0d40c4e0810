"""What the documents explain by pictures and statements: computed, tested and drawn."""
