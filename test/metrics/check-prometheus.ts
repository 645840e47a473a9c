/**
 * A real Prometheus and a broker under load. `npm run check:prometheus [-- FILE ...]`:
 *
 * - `promtool check metrics` reads all pages;
 * - whatever RabbitMQ's dashboards ask for has values, joined as their panels join it;
 * - each FILE that is a dashboard of Grafana (`*.json`): its panels' queries, and which of them are empty;
 * - each FILE of alert rules (`*.yml`): whether Prometheus can evaluate them, and which fire. Not together with
 *   dashboards.
 */

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from 'amqplib';
import { type RunningBroker, startBroker } from '../../src/index.ts';
import { families } from '../../src/metrics/collect.ts';
import { absent, dashboards } from './dashboards.ts';
import { complaintsAbout, isPrometheusInstalled, Prometheus } from './prometheus.ts';
import { useAll } from './use-all.ts';

/** Long enough for rates over the last five scrapes. */
const loadSeconds = 12;

/** Complaints about names that are RabbitMQ's, which its dashboards ask for as they are. */
const acceptedComplaint = /^erlang_vm_/;

const files = process.argv.slice(2).map((file) => resolve(file));
if (!isPrometheusInstalled()) {
  process.stderr.write('prometheus and promtool are not installed: apt-get install prometheus\n');
  process.exit(2);
}
const unknownFile = files.find((file) => !/\.(json|ya?ml)$/.test(file));
if (unknownFile !== undefined) {
  process.stderr.write(`${unknownFile} is neither a dashboard (*.json) nor rules of alerts (*.yml)\n`);
  process.exit(2);
}

const faults: string[] = [];
const directory = mkdtempSync(join(tmpdir(), 'check-prometheus-broker-'));
const broker = await startBroker({ port: 0, metricsPort: 0, dataDir: join(directory, 'data') });
const rules = files.filter((file) => !file.endsWith('.json'));
const prometheus = await Prometheus.start(`127.0.0.1:${broker.metricsPort}`, rules);
try {
  await putLoadOn(broker);
  // The last state has been scraped, and rules evaluated with it.
  await sleep(2_000);
  await checkPages(broker);
  await checkMetrics(prometheus);
  for (const file of files.filter((each) => each.endsWith('.json'))) await checkDashboard(prometheus, file);
  if (rules.length > 0) await checkRules(prometheus);
} finally {
  await prometheus.stop();
  await broker.close();
  rmSync(directory, { recursive: true });
}
for (const fault of faults) process.stdout.write(`FAULT ${fault}\n`);
process.stdout.write(faults.length === 0 ? 'all is well\n' : `${faults.length} faults\n`);
process.exit(faults.length === 0 ? 0 : 1);

/** A little of everything again and again, so that all rates are above 0. */
async function putLoadOn({ url }: RunningBroker): Promise<void> {
  for (const end = Date.now() + loadSeconds * 1000; ; await sleep(100)) {
    const connection = await connect(url);
    await useAll(connection, url);
    // What is connected now is asked for, too.
    if (Date.now() > end) return;
    await connection.close();
  }
}

async function checkPages({ metricsPort }: RunningBroker): Promise<void> {
  const detailed = families.map((family) => `family=${family}`).join('&');
  for (const path of ['metrics', 'metrics/per-object', `metrics/detailed?${detailed}`]) {
    const page = await (await fetch(`http://127.0.0.1:${metricsPort}/${path}`)).text();
    const complaints = await complaintsAbout(page);
    const ours = complaints.filter((line) => !acceptedComplaint.test(line));
    faults.push(...ours.map((line) => `promtool about /${path.split('?')[0]}: ${line}`));
    const lines = page.split('\n').length - 1;
    process.stdout.write(
      `/${path.split('?')[0]}: ${lines} lines, ${complaints.length - ours.length} complaints about RabbitMQ's own names\n`,
    );
  }
}

/** Each name, joined as the panels do it. */
async function checkMetrics(source: Prometheus): Promise<void> {
  const patterns = absent.map((entry) => new RegExp(`^${entry.replaceAll('*', '.*')}`));
  const asked = new Set(Object.values(dashboards).flat());
  const here = [...asked].filter((entry) => !patterns.some((each) => each.test(entry)));
  for (const entry of here) {
    // A label without a value is one that has to be there.
    const selector = entry.replace(/\{(\w+)\}/, '{$1!=""}');
    const isCounter = /_total(\{|$)/.test(selector) && !/^erlang_vm_memory|_term_total/.test(selector);
    const series = isCounter ? `rate(${selector}[5s])` : selector;
    const joined = `${series} * on(instance) group_left(rabbitmq_cluster, rabbitmq_node) rabbitmq_identity_info{rabbitmq_endpoint="aggregated"}`;
    const values = await source.query(joined);
    if (values.length === 0 || values.some(Number.isNaN)) faults.push(`no values: ${joined}`);
  }
  process.stdout.write(`${here.length} metrics of RabbitMQ's dashboards asked for\n`);
}

async function checkDashboard(source: Prometheus, file: string): Promise<void> {
  const text = readFileSync(file, 'utf8');
  const expressions = new Set<string>();
  JSON.parse(text, (key, value: unknown) => {
    if (key === 'expr' && typeof value === 'string') expressions.add(value);
    return value;
  });
  let empty = 0;
  for (const expression of expressions) {
    const values = await source.query(withValues(expression)).catch((error: Error) => {
      faults.push(`${basename(file)}: ${error.message}: ${expression}`);
      return undefined;
    });
    if (values?.length !== 0) continue;
    empty++;
    process.stdout.write(`${basename(file)}: empty: ${expression.replaceAll(/\s+/g, ' ').trim()}\n`);
  }
  process.stdout.write(`${basename(file)}: ${expressions.size} queries, ${empty} empty\n`);
}

/** Variables of dashboards, as Grafana would fill them in. */
function withValues(expression: string): string {
  return expression
    .replaceAll(/\[\$__(rate_)?interval\]/g, '[5s]')
    .replaceAll('$endpoint', 'aggregated')
    .replaceAll(/=~?"\$\{?\w+\}?"/g, '=~".*"');
}

async function checkRules(source: Prometheus): Promise<void> {
  const evaluated = await source.rules();
  for (const { name, health, lastError } of evaluated) {
    if (health !== 'ok') faults.push(`alert ${name}: ${health}: ${lastError}`);
  }
  const firing = evaluated.filter(({ state }) => state === 'firing' || state === 'pending');
  const names = firing.map(({ name, state }) => `${name} (${state})`);
  process.stdout.write(`${evaluated.length} rules evaluated; ${names.join(', ') || 'none fires'}\n`);
}
