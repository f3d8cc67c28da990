"""Boxes: images with the boxes of what is on them, from COCO json, VOC xml or YOLO txt, in a folder or a zip."""
