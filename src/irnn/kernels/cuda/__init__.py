"""An update of many recurrent networks at once, in CUDA C++ that is compiled when it is first used.

`plan` lays a network out, `compiler` compiles it, `gpu` launches it, `pack` holds the runs' memory and says
what an update is. Nothing here is imported on machines that do not use it.
"""
