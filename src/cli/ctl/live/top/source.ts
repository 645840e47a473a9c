import { isObject, type JsonObject } from '../../../../json-object.ts';
import type { Invocation } from '../../command.ts';
import { queryOf } from '../options.ts';
import type { Snapshot } from './render.ts';
import { sortColumn, type TopState } from './state.ts';
import { views } from './views.ts';

/** The API gives no more at once. */
const pageSizeMax = 500;

/** Asks the broker for what is on a screen of `rows` rows, and no more. @throws CommandError */
export async function look(given: Invocation, state: TopState, rows: number): Promise<Snapshot> {
  const [overview, page] = await Promise.all([given.api.object('/api/overview'), window(given, state, rows)]);
  return { overview, ...page };
}

/** Rows from `offset` on lie on one page of the API, or on two. */
async function window(
  given: Invocation,
  state: TopState,
  rows: number,
): Promise<Pick<Snapshot, 'rows' | 'total'>> {
  const size = Math.min(rows, pageSizeMax);
  const first = await pageOf(given, state, Math.floor(state.offset / size) + 1, size);
  const skipped = state.offset % size;
  const isMore = skipped > 0 && state.offset + size - skipped < first.total;
  const second = isMore ? await pageOf(given, state, Math.floor(state.offset / size) + 2, size) : undefined;
  const all = [...first.rows, ...(second?.rows ?? [])];
  return { rows: all.slice(skipped, skipped + size), total: first.total };
}

async function pageOf(
  given: Invocation,
  state: TopState,
  page: number,
  size: number,
): Promise<Pick<Snapshot, 'rows' | 'total'>> {
  const view = views[state.view];
  const column = sortColumn(state);
  const isOfVhost = given.flag('vhost') !== undefined;
  const path =
    isOfVhost && view.isPerVhost ? `${view.path}/${given.vhostPath}` : vhostList(given, view.path, isOfVhost);
  const query = {
    page,
    page_size: size,
    pagination: true,
    columns: view.columns.map(({ path: field }) => field).join(','),
    ...(column !== undefined && { sort: column.path, sort_reverse: column.isNumber !== state.isTurned }),
    ...(state.filter !== '' && { name: state.filter }),
  };
  const answer = await given.api.object(path + queryOf(query));
  const { items, filtered_count: total } = answer;
  const rows: readonly JsonObject[] = Array.isArray(items) ? items.filter(isObject) : [];
  return { rows, total: Number(total ?? rows.length) };
}

/** Connections and channels of a virtual host: `/api/vhosts/{vhost}/connections`. */
function vhostList(given: Invocation, path: string, isOfVhost: boolean): string {
  return isOfVhost ? `/api/vhosts/${given.vhostPath}/${path.slice('/api/'.length)}` : path;
}
