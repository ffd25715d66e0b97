"""The public repositories whose conventions are implemented here, each with the commit that was read."""

from bench.conventions.convention import Repository

DISENTANGLEMENT_LIB = Repository("google-research/disentanglement_lib", "86a644d")
DISENT = Repository("nmichlo/disent", "8f061a8")
JBOILARD = Repository("jboilard1994/disentanglement_lib", "9cb6bdb")
UBISOFT = Repository("ubisoft/ubisoft-laforge-disentanglement-metrics", "05d5667")
DCF = Repository("facebookresearch/disentangling-correlated-factors", "3b0d233")
MED = Repository("noahcao/disentanglement_lib_med", "e8db5c7")
DCI_ES = Repository("andreinicolicioiu/DCI-ES", "9329dae")
LATENT_QUANTIZATION = Repository("kylehkhsu/latent_quantization", "9a420a3")
ICEBEEM = Repository("ilkhem/icebeem", "0077f01")
CL_ICA = Repository("brendel-group/cl-ica", "69568d9")
