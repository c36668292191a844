/** Items by a key of theirs, in their order. */

export function groups<Item>(
  items: readonly Item[],
  keyOf: (item: Item) => string,
): ReadonlyMap<string, readonly Item[]> {
  const grouped = new Map<string, Item[]>()
  for (const item of items) {
    const key = keyOf(item)
    const group = grouped.get(key)
    if (group === undefined) grouped.set(key, [item])
    else group.push(item)
  }
  return grouped
}
