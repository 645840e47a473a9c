import type { RootDatabase } from 'lmdb';

/** What LMDB says of a file; everything is in pages but for their size. */
export interface Statistics {
  readonly pageBytes: number;
  /** Number of the last page that was ever used. */
  readonly lastPage: number;
  readonly branchPages: number;
  readonly leafPages: number;
  readonly overflowPages: number;
}

/** As of the last transaction that is done: 10 us. */
export function statisticsOf(environment: RootDatabase<Buffer, Uint8Array>): Statistics {
  // The library does not say what its statistics hold.
  const statistics = environment.getStats();
  const figure = (name: string): number => {
    const value: unknown = Reflect.get(statistics, name);
    if (typeof value !== 'number') throw new Error(`LMDB does not say its ${name}`);
    return value;
  };
  return {
    pageBytes: figure('pageSize'),
    lastPage: figure('lastPageNumber'),
    branchPages: figure('treeBranchPageCount'),
    leafPages: figure('treeLeafPageCount'),
    overflowPages: figure('overflowPages'),
  };
}
