/** A regular expression over bytes, parsed. */
export type PatternNode =
  | { readonly kind: 'bytes'; readonly set: Uint8Array }
  | { readonly kind: 'sequence'; readonly nodes: readonly PatternNode[] }
  | { readonly kind: 'choice'; readonly nodes: readonly PatternNode[] }
  | { readonly kind: 'repeat'; readonly node: PatternNode; readonly min: number; readonly max: number }
  | { readonly kind: 'place'; readonly place: Place }
  | {
      readonly kind: 'look';
      readonly node: PatternNode;
      readonly behind: boolean;
      readonly negated: boolean;
    };

/** What can be asked of a position between two bytes. */
export type Place = 'start' | 'end' | 'lastLineEnd' | 'lineStart' | 'lineEnd' | 'wordEdge' | 'noWordEdge';

/** The alternatives of a lookbehind may differ in length, nothing inside of them may. */
export function hasFixedLength(node: PatternNode): boolean {
  if (node.kind === 'choice') return node.nodes.every((one) => lengthOf(one) !== undefined);
  return lengthOf(node) !== undefined;
}

function lengthOf(node: PatternNode): number | undefined {
  switch (node.kind) {
    case 'bytes':
      return 1;
    case 'place':
    case 'look':
      return 0;
    case 'repeat': {
      const length = lengthOf(node.node);
      return node.min === node.max && length !== undefined ? length * node.min : undefined;
    }
    case 'sequence':
      return node.nodes.reduce<number | undefined>((sum, one) => {
        const length = lengthOf(one);
        return sum === undefined || length === undefined ? undefined : sum + length;
      }, 0);
    case 'choice': {
      const [first, ...others] = node.nodes.map(lengthOf);
      return others.every((length) => length === first) ? first : undefined;
    }
  }
}
