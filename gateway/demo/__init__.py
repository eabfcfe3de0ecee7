"""`countersign demo`: the main job on loopback with made-up people. Nothing here touches real mail or real persons."""
