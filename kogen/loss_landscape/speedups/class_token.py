"""Readout: a ViT of which only the class token is read computes nothing else once the others were asked."""

from typing import Any

import torch.nn.functional as F
from timm.layers.attention import Attention
from timm.models.vision_transformer import Block, VisionTransformer
from torch import Tensor, nn


class ClassTokenOnly:
    """Stands before a ViT's forward, whose last block it lets answer for the class token alone.

    The other tokens' keys and values are asked as before; their queries, projection and MLP nobody would read. Those
    who call blocks themselves, as masked methods do, get all tokens.
    """

    def __init__(self, network: VisionTransformer) -> None:
        self.network, self.forward = network, network.forward

    def __call__(self, images: Tensor) -> Tensor:
        last: Any = self.network.blocks[-1]
        last.forward = lambda tokens: first_token_output(last, tokens)
        try:
            return self.forward(images)
        finally:
            del last.forward


def first_token_output(block: Block, tokens: Tensor) -> Tensor:
    """A block's answer for the first token, (B, N, D) to (B, 1, D), as in evaluation: nothing is dropped."""
    attention: Any = block.attn
    shape = *tokens.shape[:2], 3, attention.num_heads, attention.head_dim
    query, key, value = attention.qkv(block.norm1(tokens)).reshape(shape).permute(2, 0, 3, 1, 4)  # (B, H, N, d)
    query, key = attention.q_norm(query[:, :, :1]), attention.k_norm(key)
    mixed = F.scaled_dot_product_attention(query, key, value)  # (B, H, 1, d)
    own = tokens[:, :1] + block.ls1(attention.proj(attention.norm(mixed.transpose(1, 2).flatten(2))))
    return own + block.ls2(block.mlp(block.norm2(own)))


def skip_unread_tokens(module: nn.Module) -> None:
    """Put a ClassTokenOnly before every ViT in a module, in place, whose last block is of the plain kind."""
    for part in module.modules():
        if type(part) is not VisionTransformer or part.global_pool != "token" or part.attn_pool is not None:
            continue
        last = part.blocks[-1]
        if type(last) is Block and type(last.attn) is Attention and last.attn.gate is None:
            part.forward = ClassTokenOnly(part)  # type: ignore[method-assign]
