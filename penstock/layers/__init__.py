"""Layers: functions of tensors that own variables. They call public ops only."""
