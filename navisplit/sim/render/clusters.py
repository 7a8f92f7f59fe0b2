"""The hierarchy as pictures take it: sixteen children to a node, sixteen triangles to a cluster.

Both lie coordinate by coordinate, so that one camera looks at sixteen boxes or triangles with vector instructions
(multi-branching hierarchies: Wald, Benthin and Boulos 2008, "Getting rid of packets").
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from navisplit.sim.kernel import Floats, Ints, kernel
from navisplit.sim.render.bvh import STACK_SIZE, Bvh

f32 = np.float32

WIDTH = 16
CORNERS = 3 * WIDTH
"""Corners of a cluster's triangles: all first corners, then all second, then all third."""

TODO_SIZE = WIDTH * STACK_SIZE
"""Enough for every descent: a level leaves at most fifteen nodes waiting, and a Bvh has no fewer levels."""

NO_BOX = f32(1e30)
"""All coordinates of a child that is not there."""


class Clusters(NamedTuple):
    """A Bvh of its triangles, leaves and all, in wide form. Node 0 is the root."""

    boxes: Floats  # (nodes, 6 x 16) low x of all children, low y, low z, high x, high y, high z, m
    children: Ints  # (nodes, 16) node, or -1 - cluster
    corners: Floats  # (clusters, 3 x 48) x of all corners, y, z, m; what is missing repeats one point and is never hit
    first: (
        Ints  # (clusters,) number of the cluster's first triangle in the order of ``Bvh.triangles``; the others follow
    )


def build_clusters(bvh: Bvh) -> Clusters:
    """Gather nodes and triangles of ``bvh``; takes about 8 ms for 50,000 triangles."""
    return Clusters(*_gather(bvh.bounds, bvh.links, bvh.triangles))


@kernel
def _sizes(links: Ints) -> tuple[Ints, Ints]:
    """Of the triangles below each node: how many, and the first. Children come after their parent."""
    size, first = np.empty(links.shape[0], np.int32), np.empty(links.shape[0], np.int32)
    for node in range(links.shape[0] - 1, -1, -1):
        size[node], first[node] = links[node, 1], links[node, 0]
        if size[node] == 0:
            child = links[node, 0]
            size[node] = size[child] + size[child + 1]
            first[node] = min(first[child], first[child + 1])
    return size, first


@kernel
def _open_largest(bounds: Floats, links: Ints, size: Ints, row: Ints) -> int:
    """Replace row[0] by up to 16 of its descendants, always opening the box of the largest surface; how many."""
    count = 1
    while count < WIDTH:
        best, largest = -1, f32(-1.0)
        for i in range(count):
            n = row[i]
            x, y, z = bounds[n, 3] - bounds[n, 0], bounds[n, 4] - bounds[n, 1], bounds[n, 5] - bounds[n, 2]
            area = x * y + y * z + z * x
            if size[n] > WIDTH and area > largest:
                best, largest = i, area
        if best < 0:
            break
        row[count] = links[row[best], 0] + 1
        row[best] = links[row[best], 0]
        count += 1
    return count


@kernel
def _copy_triangles(triangles: Floats, first: int, count: int, corners: Floats) -> None:
    """One cluster's corners (144,) from triangles first..first + count - 1."""
    for slot in range(WIDTH):
        for corner in range(3):
            for axis in range(3):
                place = axis * CORNERS + corner * WIDTH + slot
                corners[place] = triangles[first + slot, 3 * corner + axis] if slot < count else triangles[first, axis]


@kernel
def _gather(bounds: Floats, links: Ints, triangles: Floats) -> tuple[Floats, Ints, Floats, Ints]:
    size, first = _sizes(links)
    most = 1 if size[0] <= WIDTH else 0
    for node in range(links.shape[0]):
        if size[node] > WIDTH:
            child = links[node, 0]
            most += (1 if size[child] <= WIDTH else 0) + (1 if size[child + 1] <= WIDTH else 0)
    boxes, children = np.empty((most, 6 * WIDTH), np.float32), np.zeros((most, WIDTH), np.int32)
    corners, firsts = np.empty((most, 3 * CORNERS), np.float32), np.empty(most, np.int32)
    origin, row = np.zeros(most, np.int32), np.empty(WIDTH, np.int32)
    done, nodes, clusters = 0, 1, 0
    while done < nodes:
        row[0] = origin[done]
        count = _open_largest(bounds, links, size, row)
        for slot in range(WIDTH):
            for k in range(6):
                boxes[done, k * WIDTH + slot] = bounds[row[slot], k] if slot < count else NO_BOX
            if slot < count and size[row[slot]] <= WIDTH:
                children[done, slot] = -1 - clusters
                firsts[clusters] = first[row[slot]]
                _copy_triangles(triangles, first[row[slot]], size[row[slot]], corners[clusters])
                clusters += 1
            elif slot < count:
                children[done, slot], origin[nodes] = nodes, row[slot]
                nodes += 1
        done += 1
    return boxes[:nodes].copy(), children[:nodes].copy(), corners, firsts
