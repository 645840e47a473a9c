import { NamePattern } from '../../broker/policies/name-pattern.ts';
import { PatternError } from '../../broker/policies/pattern-reader.ts';
import { Slices } from '../../slices.ts';
import { ApiError, badRequest } from './api-error.ts';
import { compareTerms, dottedValue, type Json, selectColumns } from './columns.ts';
import { arrayParts, JsonStream } from './json-stream.ts';
import { bool, optional, text, type ValuesOf } from './schema.ts';
import { sortedInSlices } from './sorting.ts';

/** How objects of one kind are listed; `Context` is what their views depend on besides. */
export interface Kind<Item, Context> {
  /** What the query parameter `name` looks at. */
  nameOf(item: Item): string;
  /** The order when none is asked for; without it, as they come. */
  compare?(left: Item, right: Item): number;
  /** The value to sort by, where it can be had without making the whole view; undefined: it cannot. */
  keyOf?(item: Item, path: string): string | number | undefined;
  /** Undefined: gone since the list was made. */
  view(item: Item, context: Context): Json | undefined;
}

const pageSizeDefault = 100;
const pageSizeMax = 500;

/** Longer lists are written in slices. */
const itemsAtOnceMax = 200;

/** Lists of at least this length are remembered for a while, once sorted. */
const rememberedLengthMin = 1000;
/** So many orders of one kind of objects are remembered. */
const rememberedMax = 8;
/** For so many times as long as sorting took, as RabbitMQ does, within these limits. */
const rememberedFactor = 5;
const rememberedMsMin = 2_000;
const rememberedMsMax = 30_000;

/** What any list can be asked for. */
export const listQuery = {
  columns: optional(text('Fields to return, separated by commas; dots reach into nested objects.')),
  sort: optional(text('Field to sort by; dots reach into nested objects.')),
  sort_reverse: optional(bool('Largest first.')),
};

/** What lists that come in pages can be asked for. */
export const pagedListQuery = {
  ...listQuery,
  page: optional(text('Number of the page, from 1 on; without it everything is returned.')),
  page_size: optional(text(`Objects on a page: at most ${pageSizeMax}, ${pageSizeDefault} if not said.`)),
  name: optional(text('Only objects whose name contains this; with a page only.')),
  use_regex: optional(bool('`name` is a regular expression.')),
  pagination: optional(bool('Ignored, as in RabbitMQ: `page` says whether there are pages.')),
};

/** What a list without pages is asked with. */
export type ListQuery = ValuesOf<typeof listQuery>;
/** What a list with pages is asked with. */
export type PagedListQuery = ValuesOf<typeof pagedListQuery>;

interface Sorted<Item> {
  readonly items: readonly Item[];
  /** Before `name` left some out. */
  readonly total: number;
}

interface Remembered<Item> extends Sorted<Item> {
  readonly until: number;
}

/** Lists objects of one kind: sorted, filtered, in pages, with selected columns. Never in one go when they are many. */
export class Lister<Item, Context = undefined> {
  readonly #kind: Kind<Item, Context>;
  readonly #remembered = new Map<string, Remembered<Item>>();

  constructor(kind: Kind<Item, Context>) {
    this.#kind = kind;
  }

  /** All of them: an array, or a {@link JsonStream} of one. */
  async all(items: Iterable<Item>, query: ListQuery, context: Context): Promise<unknown> {
    const { items: sorted } = await this.#sort(items, query, context, () => true);
    return this.#written(sorted, query, context);
  }

  /**
   * One page, if one is asked for. `scope` names the set of objects: the same scope means the same set, and its
   * order may be remembered.
   *
   * @throws ApiError 400
   */
  async page(
    scope: string,
    items: Iterable<Item>,
    query: PagedListQuery,
    context: Context,
  ): Promise<unknown> {
    const page = pageOf(query);
    if (page === undefined) return this.all(items, query, context);
    const { number, size } = page;
    const { items: matching, total } = await this.#remember(scope, items, query, context);
    const start = (number - 1) * size;
    if (start > 0 && start >= matching.length) {
      const what = `page: ${number} page size: ${size}, len: ${matching.length}`;
      throw new ApiError(400, 'page_out_of_range', `Page out of range, ${what}`);
    }
    const views = matching.slice(start, start + size).flatMap((item) => this.#view(item, query, context));
    return {
      filtered_count: matching.length,
      item_count: views.length,
      items: views,
      page: number,
      page_count: Math.ceil(matching.length / size),
      page_size: size,
      total_count: total,
    };
  }

  async #remember(
    scope: string,
    items: Iterable<Item>,
    query: PagedListQuery,
    context: Context,
  ): Promise<Sorted<Item>> {
    const key = JSON.stringify([scope, query.sort, query.sort_reverse, query.name, query.use_regex]);
    const known = this.#remembered.get(key);
    const start = performance.now();
    if (known !== undefined && known.until > start) return known;
    const sorted = await this.#sort(items, query, context, nameFilter(query));
    this.#remembered.delete(key);
    if (sorted.total < rememberedLengthMin) return sorted;
    const end = performance.now();
    const forMs = Math.max(rememberedMsMin, Math.min(rememberedMsMax, rememberedFactor * (end - start)));
    for (const oldest of this.#remembered.keys()) {
      if (this.#remembered.size < rememberedMax) break;
      this.#remembered.delete(oldest);
    }
    this.#remembered.set(key, { ...sorted, until: end + forMs });
    return sorted;
  }

  async #sort(
    all: Iterable<Item>,
    query: ListQuery,
    context: Context,
    matches: (name: string) => boolean,
  ): Promise<Sorted<Item>> {
    const kind = this.#kind;
    const { sort, sort_reverse: reverse = false } = query;
    const slices = new Slices();
    const items: Item[] = [];
    let total = 0;
    for (const item of all) {
      total++;
      if (matches(kind.nameOf(item))) items.push(item);
      const pause = slices.next();
      if (pause !== undefined) await pause;
    }
    const inOrder =
      kind.compare === undefined
        ? items
        : await sortedInSlices(items, (left, right) => kind.compare?.(left, right) ?? 0);
    const sorted = sort === undefined || sort === '' ? inOrder : await this.#sortBy(inOrder, sort, context);
    return { items: reverse ? sorted.toReversed() : sorted, total };
  }

  async #sortBy(items: readonly Item[], path: string, context: Context): Promise<readonly Item[]> {
    const slices = new Slices();
    // Numbers are moved about, not objects: these would be work for the garbage collector.
    const keys: unknown[] = [];
    const order: number[] = [];
    for (const item of items) {
      order.push(keys.length);
      keys.push(this.#key(item, path, context));
      const pause = slices.next();
      if (pause !== undefined) await pause;
    }
    const sorted = await sortedInSlices(order, (left, right) => compareTerms(keys[left], keys[right]));
    const inOrder: Item[] = [];
    for (const index of sorted) {
      const item = items[index];
      if (item !== undefined) inOrder.push(item);
      const pause = slices.next();
      if (pause !== undefined) await pause;
    }
    return inOrder;
  }

  /** What has no such field counts as 0. */
  #key(item: Item, path: string, context: Context): unknown {
    const key = this.#kind.keyOf?.(item, path);
    if (key !== undefined) return key;
    return dottedValue(this.#kind.view(item, context) ?? {}, path) ?? 0;
  }

  /** None or one. */
  #view(item: Item, query: ListQuery, context: Context): readonly Json[] {
    const view = this.#kind.view(item, context);
    return view === undefined ? [] : [selectColumns(view, query.columns)];
  }

  #written(items: readonly Item[], query: ListQuery, context: Context): unknown {
    if (items.length <= itemsAtOnceMax) return items.flatMap((item) => this.#view(item, query, context));
    return new JsonStream(arrayParts(this.#views(items, query, context)));
  }

  *#views(items: readonly Item[], query: ListQuery, context: Context): Iterable<Json> {
    for (const item of items) yield* this.#view(item, query, context);
  }
}

function pageOf({ page, page_size: size }: PagedListQuery): { number: number; size: number } | undefined {
  if (page === undefined) return undefined;
  const isNumber = (given: string) => /^-?\d{1,9}$/.test(given);
  if (!isNumber(page) || (size !== undefined && !isNumber(size))) {
    throw badRequest('Pagination parameters are invalid', "'page' and 'page_size' have to be integers.");
  }
  const [number, asked] = [Number(page), Number(size ?? pageSizeDefault)];
  if (number < 1 || asked < 1 || asked > pageSizeMax) {
    const what = `page number ${number}, page size ${size ?? 'undefined'}`;
    const advice = `'page' counts from 1, 'page_size' is at most ${pageSizeMax}.`;
    throw new ApiError(
      400,
      'invalid_pagination_parameters',
      `Invalid pagination parameters: ${what}`,
      advice,
    );
  }
  return { number, size: asked };
}

/** @throws ApiError 400 for what is no regular expression */
function nameFilter({ name, use_regex: isRegex = false }: PagedListQuery): (name: string) => boolean {
  if (name === undefined || name === '') return () => true;
  if (!isRegex) {
    const wanted = name.toLowerCase();
    return (given) => given.toLowerCase().includes(wanted);
  }
  try {
    const pattern = new NamePattern(`(?i)${name}`);
    return (given) => pattern.matches(given);
  } catch (error) {
    if (!(error instanceof PatternError)) throw error;
    throw badRequest(
      'Pagination parameters are invalid',
      `'name' is no regular expression: ${error.message}`,
    );
  }
}
