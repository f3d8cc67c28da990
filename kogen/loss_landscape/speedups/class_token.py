"""A ViT of which only the class token is read computes only this token in its last block."""

from typing import Any

import torch.nn.functional as F
from timm.layers.attention import Attention
from timm.models.vision_transformer import Block, VisionTransformer
from torch import Tensor, nn


class ClassTokenOnly:
    """Replaces a ViT's forward so that the last block computes its output for the class token alone.

    Keys and values of the other tokens are computed as before; nobody would read the output of their queries,
    projection and MLP. Code that calls the blocks itself, as masked methods do, gets all tokens.
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
    """A block's output for the first token, (B, N, D) to (B, 1, D), in eval mode (no dropout)."""
    attention: Any = block.attn
    shape = *tokens.shape[:2], 3, attention.num_heads, attention.head_dim
    query, key, value = attention.qkv(block.norm1(tokens)).reshape(shape).permute(2, 0, 3, 1, 4)  # (B, H, N, d)
    query, key = attention.q_norm(query[:, :, :1]), attention.k_norm(key)
    mixed = F.scaled_dot_product_attention(query, key, value)  # (B, H, 1, d)
    own = tokens[:, :1] + block.ls1(attention.proj(attention.norm(mixed.transpose(1, 2).flatten(2))))
    return own + block.ls2(block.mlp(block.norm2(own)))


def skip_unread_tokens(module: nn.Module) -> None:
    """Put a ClassTokenOnly, in place, before every ViT in a module whose last block is timm's plain one."""
    for part in module.modules():
        if type(part) is not VisionTransformer or part.global_pool != "token" or part.attn_pool is not None:
            continue
        last = part.blocks[-1]
        if type(last) is Block and type(last.attn) is Attention and getattr(last.attn, "gate", None) is None:
            part.forward = ClassTokenOnly(part)  # type: ignore[method-assign]
