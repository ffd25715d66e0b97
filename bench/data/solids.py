"""The four objects of rooms3d as meshes like MuJoCo's: 28 slices, 16 stacks, 4x4 squares on a face of a cube."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
SHAPES = ("cube", "cylinder", "sphere", "pill")
SLICES, STACKS = 28, 16
CUBE = 0.7  # half a side, at scale 1
CYLINDER = 0.75  # radius and half the height
SPHERE = 0.85
PILL = 0.65  # radius and half the height of the straight part
RIGHT_ANGLE = np.pi / 2


@dataclass(frozen=True)
class Mesh:
    """Vertices and their normals, (n, 3) each, and triangles, each of three vertex indices (m, 3)."""

    vertices: Array
    normals: Array
    triangles: NDArray[np.int64]


def solid(shape: str, scale: float) -> Mesh:
    """A convex object that stands on z = 0 at the origin."""
    if shape == "cube":
        return _cube(CUBE * scale)
    if shape == "cylinder":
        radius, top = CYLINDER * scale, 2 * CYLINDER * scale
        return _joined(_tube(radius, 0, top), _ring([radius, 0], [top, top], [0, 0], [1, 1]))
    if shape == "sphere":
        radius = SPHERE * scale
        return _joined(_dome(radius, radius, -RIGHT_ANGLE, 0), _dome(radius, radius, 0, RIGHT_ANGLE))
    radius = PILL * scale
    top = radius + 2 * PILL * scale
    ends = _dome(radius, radius, -RIGHT_ANGLE, 0), _dome(radius, top, 0, RIGHT_ANGLE)
    return _joined(ends[0], _tube(radius, radius, top), ends[1])


def _cube(half: float) -> Mesh:
    faces = []
    a, b = np.meshgrid(*[np.linspace(-half, half, 5)] * 2)
    for axis in range(3):
        for sign in (-1, 1):
            points, normals = np.empty((*a.shape, 3)), np.zeros((*a.shape, 3))
            points[..., axis], points[..., (axis + 1) % 3], points[..., (axis + 2) % 3] = sign * half, a, b
            normals[..., axis] = sign
            points[..., 2] += half
            faces.append(_lattice(points, normals))
    return _joined(*faces)


def _dome(radius: float, centre: float, low: float, high: float) -> Mesh:
    """A part of a sphere between two latitudes."""
    latitude = np.linspace(low, high, STACKS // 2 + 1)
    across, up = np.cos(latitude), np.sin(latitude)
    return _ring(radius * across, centre + radius * up, across, up)


def _tube(radius: float, low: float, high: float) -> Mesh:
    one = np.ones(STACKS + 1)
    return _ring(radius * one, np.linspace(low, high, STACKS + 1), one, 0 * one)


def _ring(radius: ArrayLike, height: ArrayLike, across: ArrayLike, up: ArrayLike) -> Mesh:
    """A surface of revolution through circles (radius, height), whose normals are (across, up)."""
    angle = np.linspace(0, 2 * np.pi, SLICES + 1)[None]
    cos, sin, one = np.cos(angle), np.sin(angle), np.ones_like(angle)
    r, z, nr, nz = (np.asarray(v, float)[:, None] for v in (radius, height, across, up))
    return _lattice(np.stack([r * cos, r * sin, z * one], -1), np.stack([nr * cos, nr * sin, nz * one], -1))


def _lattice(points: Array, normals: Array) -> Mesh:
    """A lattice of vertices (rows + 1, columns + 1, 3); each of its quads is cut into two triangles."""
    rows, columns = points.shape[0] - 1, points.shape[1] - 1
    row, column = np.mgrid[0:rows, 0:columns]
    a = (row * (columns + 1) + column).ravel()
    b = a + columns + 1
    triangles = np.concatenate([np.stack([a, a + 1, b], 1), np.stack([a + 1, b + 1, b], 1)])
    return Mesh(points.reshape(-1, 3), normals.reshape(-1, 3), triangles)


def _joined(*parts: Mesh) -> Mesh:
    starts = np.cumsum([0, *(len(p.vertices) for p in parts[:-1])])
    return Mesh(
        np.concatenate([p.vertices for p in parts]),
        np.concatenate([p.normals for p in parts]),
        np.concatenate([p.triangles + start for p, start in zip(parts, starts, strict=True)]),
    )
