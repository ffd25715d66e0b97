"""The scene of 3D Shapes, drawn again: a room, an object in its middle, a lamp over it and a camera that walks round.

The original was drawn by MuJoCo's OpenGL renderer at 192x192 pixels, without anti-aliasing. So is this: each pixel gets
the surface that it shows and the light there. Constants are round numbers that 50 published images gave away; the
textures of floor and walls were read off 30 of them. Lengths are in the room's units; the floor is z = 0.
"""

from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.data.solids import Mesh, solid

Array = NDArray[np.float64]
SKY, FLOOR, WALL, OBJECT = range(4)  # what a pixel shows
PIXELS = 192  # a side
HALF, HEIGHT = 7.0, 4.0  # half a side of the room, and its walls' height
DISTANCE, EYE = 5.0, 1.5  # of the camera from the room's middle, and above the floor
FOCAL = PIXELS / 2 / np.tan(np.deg2rad(50) / 2)
LAMP = np.array([-3.0, 1.0, 15.0])  # it shines straight down, as cos^10 of the angle
GLOSS = 0.5 * 0.3  # of the object, under the lamp
AMBIENT, HEADLIGHT = 0.35, 0.6  # of a light at the camera
SQUARE = 1.0  # floor and walls are lit at the corners of squares of this size, and linearly between them
SHADOW_SHIFT = np.array([-0.004, 0.001])
SNAP = 16  # vertices lie on a grid of 1/16 pixel: what is beyond is cut off
ROUNDING = 1e-6  # of a grid step: a vertex that lies on the grid but for rounding is not cut
SCALES = np.linspace(0.75, 1.25, 8)
AZIMUTHS = np.deg2rad(np.linspace(-30, 30, 15))
UP = np.array([0.0, 0.0, 1.0])
WALLS = np.array([[0.0, 1, 0], [1, 0, 0], [0, -1, 0], [-1, 0, 0]])  # directions from the middle
ALONG = np.array([[1.0, 0, 0], [0, -1, 0], [-1, 0, 0], [0, 1, 0]])  # a texture's horizontal on each wall


class View(NamedTuple):
    """One geometry, (192, 192) each: a pixel of a region of hue h is min(1, shade * h + gloss)."""

    region: NDArray[np.uint8]  # SKY, FLOOR, WALL or OBJECT
    shade: NDArray[np.float32]
    gloss: NDArray[np.float32]


def view(shape: str, scale: int, azimuth: int) -> View:
    """What the camera sees, by the name of a shape and the places of a scale and an azimuth among theirs."""
    room, camera, mesh = _room(azimuth), Camera(azimuth), _solid(shape, scale)
    dark = (room.region == FLOOR) & _shadowed(room.point[..., :2], mesh.vertices)
    seen = View(
        room.region.astype(np.uint8),
        np.where(dark, room.unlit, room.lit).astype(np.float32),
        np.zeros((PIXELS, PIXELS), np.float32),
    )
    _put(seen, mesh, camera)
    return seen


class Camera:
    """It looks at the room's middle from an azimuth, level."""

    def __init__(self, azimuth: int) -> None:
        cos, sin = np.cos(AZIMUTHS[azimuth]), np.sin(AZIMUTHS[azimuth])
        self.right, self.forward = np.array([cos, sin, 0.0]), np.array([-sin, cos, 0.0])
        self.eye = EYE * UP - DISTANCE * self.forward

    def rays(self, right: float = 0, down: float = 0) -> Array:
        """Directions through the centres of pixels, or beside them; half a step of the grid is what a cut takes."""
        y, x = np.mgrid[0:PIXELS, 0:PIXELS] + 0.5
        across = (x + right + 0.5 / SNAP - PIXELS / 2) / FOCAL
        upward = (PIXELS / 2 - y - down + 0.5 / SNAP) / FOCAL
        return across[..., None] * self.right + self.forward + upward[..., None] * UP

    def project(self, points: Array) -> tuple[Array, Array, Array]:
        """Columns and rows in pixels, cut to the grid to the left and downwards, and depths."""
        beyond = points - self.eye
        depth = _dot(beyond, self.forward)
        x = np.floor((PIXELS / 2 + FOCAL * _dot(beyond, self.right) / depth) * SNAP + ROUNDING) / SNAP
        y = PIXELS - np.floor((PIXELS / 2 + FOCAL * beyond[..., 2] / depth) * SNAP + ROUNDING) / SNAP
        return x, y, depth


class Room(NamedTuple):
    """The room without an object, from one azimuth, (192, 192) each."""

    region: NDArray[np.int64]
    lit: Array
    unlit: Array  # in the lamp's shadow
    point: Array  # (192, 192, 3) in the room


@lru_cache(len(AZIMUTHS))
def _room(azimuth: int) -> Room:
    camera = Camera(azimuth)
    rays = camera.rays()
    beside = camera.rays(right=1), camera.rays(down=1)
    point, surface = _hits(camera, rays)
    region = np.where(surface < 0, FLOOR, np.where(point[..., 2] > HEIGHT, SKY, WALL))
    tint, ambient, lamp = np.ones(region.shape), np.zeros(region.shape), np.zeros(region.shape)
    for k in range(-1, len(WALLS)):
        here = (surface == k) & (region != SKY)
        if not here.any():
            continue
        normal, origin = (UP, 0 * UP) if k < 0 else (-WALLS[k], HALF * WALLS[k])
        axes = (WALLS[1], WALLS[0]) if k < 0 else (ALONG[k], UP)
        u, v = (_dot(point[here], axis) for axis in axes)
        across = _footprint(camera.eye, point[here], [r[here] for r in beside], normal, axes)
        tint[here] = _texture("floor" if k < 0 else "wall", u, v, across)
        ambient[here] = _ambient(normal, camera)
        lamp[here] = _lamp_in_squares(u, v, origin, axes, normal)
    return Room(region, tint * (ambient + lamp), tint * ambient, point)


def _hits(camera: Camera, rays: Array) -> tuple[Array, NDArray[np.int64]]:
    """Where rays meet a surface first, (..., 3), and which: -1 the floor, else a wall."""
    falls = rays[..., 2] < 0
    distance = np.where(falls, -camera.eye[2] / np.where(falls, rays[..., 2], -1), np.inf)
    surface = np.full(distance.shape, -1)
    for k, wall in enumerate(WALLS):
        speed = _dot(rays, wall)
        ahead = speed > 1e-9
        away = np.where(ahead, (HALF - _dot(camera.eye, wall)) / np.where(ahead, speed, 1), np.inf)
        nearer = away < distance
        distance[nearer], surface[nearer] = away[nearer], k
    return camera.eye + rays * distance[..., None], surface


def _footprint(eye: Array, points: Array, beside: list[Array], normal: Array, axes: tuple[Array, Array]) -> Array:
    """How much of a surface a pixel covers at points (n, 3): the longer of the ways to the next pixels' points."""
    ways = []
    for rays in beside:
        other = eye + rays * (_dot(points - eye, normal) / _dot(rays, normal))[:, None]
        ways.append(np.hypot(*(_dot(other - points, axis) for axis in axes)))
    return np.maximum(*ways)


def _lamp(points: Array, normals: Array) -> tuple[Array, Array]:
    """The lamp's light at points: by its own direction, and by the surface's."""
    ways = LAMP - points
    ways = ways / np.sqrt(_dot(ways, ways))[..., None]
    squared = np.maximum(ways[..., 2], 0) ** 2
    return squared * (squared * squared) ** 2, np.maximum(_dot(ways, normals), 0)


def _ambient(normals: Array, camera: Camera) -> Array:
    return AMBIENT + HEADLIGHT * np.maximum(-_dot(normals, camera.forward), 0)


def _lamp_in_squares(u: Array, v: Array, origin: Array, axes: tuple[Array, Array], normal: Array) -> Array:
    """The lamp's light at places (u, v) of a plane, linear between the corners of its squares."""
    i, j = np.floor(u / SQUARE), np.floor(v / SQUARE)
    a, b = u / SQUARE - i, v / SQUARE - j
    light = np.zeros_like(u)
    for p, share in ((0, 1 - a), (1, a)):
        for q, part in ((0, 1 - b), (1, b)):
            corner = ((i + p) * SQUARE)[:, None] * axes[0] + ((j + q) * SQUARE)[:, None] * axes[1] + origin
            beam, facing = _lamp(corner, normal)
            light += share * part * beam * facing
    return light


class Tiles(NamedTuple):
    """A texture that repeats, at ever coarser resolutions, (n, n) each."""

    levels: list[Array]
    period: float  # in units of the room
    bias: float  # added to the level that is looked up


@cache
def _tiles(name: str) -> Tiles:
    with np.load(Path(__file__).with_name("rooms_texture.npz")) as file:
        levels = [file[key].astype(float) for key in sorted(file.files) if key.startswith(f"{name}_level")]
        return Tiles(levels, float(file[f"{name}_period"]), float(file[f"{name}_bias"]))


def _texture(name: str, u: Array, v: Array, size: Array) -> Array:
    """Trilinear: between cells of a tile, and between the two levels whose cells are as large as a pixel's `size`."""
    levels, period, bias = _tiles(name)
    level = np.clip(np.log2(size * len(levels[0]) / period) + bias, 0, len(levels) - 1.001)
    lower, tint = np.floor(level).astype(int), np.zeros_like(u)
    for k, tile in enumerate(levels):
        weight = np.where(lower == k, 1 - (level - lower), np.where(lower + 1 == k, level - lower, 0))
        here = weight > 0
        tint[here] += weight[here] * _bilinear(tile, u[here] / period, v[here] / period)
    return tint


def _bilinear(tile: Array, u: Array, v: Array) -> Array:
    """A tile that repeats at every whole u (columns) and v (rows), its cells centred on halves."""
    n = len(tile)
    x, y = u * n - 0.5, v * n - 0.5
    j, i = np.floor(x).astype(int), np.floor(y).astype(int)
    a, b, below, right = y - i, x - j, (i + 1) % n, (j + 1) % n
    i, j = i % n, j % n
    upper = (1 - b) * tile[i, j] + b * tile[i, right]
    return (1 - a) * upper + a * ((1 - b) * tile[below, j] + b * tile[below, right])


@cache
def _solid(shape: str, scale: int) -> Mesh:
    return solid(shape, SCALES[scale])


def _shadowed(points: Array, vertices: Array) -> NDArray[np.bool_]:
    """Which points (..., 2) of the floor a convex object hides from the lamp."""
    reach = LAMP[2] / (LAMP[2] - vertices[:, 2:])
    corners = LAMP[:2] + (vertices[:, :2] - LAMP[:2]) * reach + SHADOW_SHIFT
    hull = _hull(np.unique(np.round(corners, 9), axis=0))
    inside = np.ones(points.shape[:-1], bool)
    for a, b in zip(hull, np.roll(hull, -1, axis=0), strict=True):
        inside &= (b - a)[0] * (points[..., 1] - a[1]) - (b - a)[1] * (points[..., 0] - a[0]) >= 0
    return inside


def _hull(points: Array) -> Array:
    """The convex hull of points (n, 2) that are in order, anticlockwise: Andrew's monotone chain."""
    hull: list[Array] = []
    for sequence in (points, points[::-1]):
        part: list[Array] = []
        for p in sequence:
            while len(part) > 1 and _turn(part[-2], part[-1], p) <= 0:
                part.pop()
            part.append(p)
        hull += part[:-1]
    return np.array(hull)


def _turn(a: Array, b: Array, c: Array) -> float:
    return float((b[0] - a[0]) * (c[1] - b[1]) - (b[1] - a[1]) * (c[0] - b[0]))


def _put(seen: View, mesh: Mesh, camera: Camera) -> None:
    """Draw a convex object into a view, triangle by triangle: those that face the camera never overlap."""
    x, y, depth = camera.project(mesh.vertices)
    beam, facing = _lamp(mesh.vertices, mesh.normals)
    bright = _ambient(mesh.normals, camera) + beam * facing
    gloss = GLOSS * beam * (facing > 0)
    for corner in mesh.triangles[_in_front(mesh, camera)]:
        if (found := _covered(x[corner], y[corner])) is None:
            continue
        place, inside, weight = found
        weight = weight / depth[corner]
        weight /= weight.sum(-1, keepdims=True)
        seen.region[place][inside] = OBJECT
        seen.shade[place][inside] = _dot(weight, bright[corner])
        seen.gloss[place][inside] = _dot(weight, gloss[corner])


def _in_front(mesh: Mesh, camera: Camera) -> NDArray[np.bool_]:
    """Which triangles face the camera."""
    corners = mesh.vertices[mesh.triangles]
    flat = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    outward = _dot(flat, mesh.normals[mesh.triangles].mean(axis=1))
    flat *= np.where(outward < 0, -1, 1)[:, None]
    return _dot(camera.eye - corners.mean(axis=1), flat) > 1e-12


def _covered(x: Array, y: Array) -> tuple[tuple[slice, slice], NDArray[np.bool_], Array] | None:
    """The pixels whose centres lie in a triangle: a block, those in it, and their barycentric weights (n, 3).

    A centre on an edge belongs to the triangle on the edge's right, and then to the one above.
    """
    left, right = max(0, int(x.min() - 0.5)), min(PIXELS, int(x.max() + 1.5))
    top, bottom = max(0, int(y.min() - 0.5)), min(PIXELS, int(y.max() + 1.5))
    column, row = np.arange(left, right) + 0.5 + 1e-4, np.arange(top, bottom)[:, None] + 0.5 - 1e-4
    area = (x[1] - x[0]) * (y[2] - y[0]) - (x[2] - x[0]) * (y[1] - y[0])
    if abs(area) < 1e-9:
        return None
    second = ((column - x[0]) * (y[2] - y[0]) - (x[2] - x[0]) * (row - y[0])) / area
    third = ((x[1] - x[0]) * (row - y[0]) - (column - x[0]) * (y[1] - y[0])) / area
    weight = np.stack([1 - second - third, second, third], -1)
    inside = np.asarray((weight >= -1e-7).all(-1))
    return ((slice(top, bottom), slice(left, right)), inside, weight[inside]) if inside.any() else None


def _dot(a: Array, b: Array) -> Array:
    """Over the last axis, of three: in one order on every machine, as a matrix product is not."""
    return a[..., 0] * b[..., 0] + a[..., 1] * b[..., 1] + a[..., 2] * b[..., 2]
