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


def attend(q, k, v, bias=None, *, K, causal):
    """[B,Q,H*K], [B,L,G*K] twice, [1,H,Q,L] -> [B,Q,H*K]"""
    q, k, v = (x.view(x.shape[0], x.shape[1], -1, K).transpose(1, 2) for x in (q, k, v))
    grouped = k.shape[1] < q.shape[1]
    y = F.scaled_dot_product_attention(q, k, v, attn_mask=bias, is_causal=causal, enable_gqa=grouped)
    return y.transpose(1, 2).flatten(2)


def attention_inputs(B, H, G, Q, L, K, biased, requires_grad):
    """q, k, v and, where there is one, the bias"""
    shapes = [(B, Q, H * K), (B, L, G * K), (B, L, G * K)] + ([(1, H, Q, L)] if biased else [])
    return [torch.randn(shape, requires_grad=requires_grad) for shape in shapes]


def attention(B, H, G, Q, L, K, causal, biased):
    inputs = attention_inputs(B, H, G, Q, L, K, biased, False)
    return forward_only(lambda: attend(*inputs, K=K, causal=causal))


def attention_grad(B, H, G, Q, L, K, causal, biased):
    inputs = attention_inputs(B, H, G, Q, L, K, biased, True)
    dy = torch.randn(B, Q, H * K)
    return lambda: torch.autograd.grad(attend(*inputs, K=K, causal=causal), inputs, dy)


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
