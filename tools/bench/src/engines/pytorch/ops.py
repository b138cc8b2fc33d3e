"""Each op of `Work`: its sizes -> a function that does the work once."""

import torch
import torch.nn.functional as F

from image_caption import image_caption
from load import load
from opt import beam_search, beam_token, prefill, token
from qformer import qformer
from stage1 import stage1
from vit import vit


def prepare(work):
    sizes = dict(work)
    op = sizes.pop("op")
    torch.manual_seed(1)
    return OPS[op](**sizes)


def forward_only(run):
    def without_tape():
        with torch.inference_mode():
            run()

    return without_tape


def matmul(M, K, N, transposeA, transposeB):
    a = torch.randn(K, M).t() if transposeA else torch.randn(M, K)
    b = torch.randn(N, K).t() if transposeB else torch.randn(K, N)
    return forward_only(lambda: a @ b)


def product(I, O, transposeB):
    return matmul(1, I, O, False, transposeB)


def attend(q, k, v, heads):
    """[B,Q,D], [B,L,D] twice -> [B,Q,D]"""
    apart = lambda x: x.view(x.shape[0], x.shape[1], heads, -1).transpose(1, 2)
    return F.scaled_dot_product_attention(apart(q), apart(k), apart(v)).transpose(1, 2).flatten(2)


def attention(B, H, Q, L, K):
    q, k, v = (torch.randn(B, rows, H * K) for rows in (Q, L, L))
    return forward_only(lambda: attend(q, k, v, H))


def attention_grad(B, H, Q, L, K):
    inputs = [torch.randn(B, rows, H * K, requires_grad=True) for rows in (Q, L, L)]
    dy = torch.randn(B, Q, H * K)
    return lambda: torch.autograd.grad(attend(*inputs, H), inputs, dy)


def layer_norm(R, D):
    x, weight, bias = torch.randn(R, D), torch.ones(D), torch.zeros(D)
    return forward_only(lambda: F.layer_norm(x, (D,), weight, bias, 1e-12))


def unary(f):
    def of(R, D):
        x = torch.randn(R, D)
        return forward_only(lambda: f(x))

    return of


OPS = {
    "matmul": matmul,
    "product": product,
    "attention": attention,
    "attentionGrad": attention_grad,
    "layerNorm": layer_norm,
    "gelu": unary(F.gelu),
    "softmax": unary(lambda x: F.softmax(x, -1)),
    "qformer": lambda **sizes: forward_only(qformer(**sizes)),
    "stage1": stage1,
    "token": lambda **sizes: forward_only(token(**sizes)),
    "beamToken": lambda **sizes: forward_only(beam_token(**sizes)),
    "beamSearch": lambda **sizes: forward_only(beam_search(**sizes)),
    "prefill": lambda **sizes: forward_only(prefill(**sizes)),
    "vit": lambda **sizes: forward_only(vit(**sizes)),
    "imageCaption": lambda **sizes: forward_only(image_caption(**sizes)),
    "load": load,
}
