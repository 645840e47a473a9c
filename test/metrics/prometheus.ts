import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const startTimeoutMs = 20_000;

/** Whether Debian's package `prometheus`, or a download of it, is in the path. */
export function isPrometheusInstalled(): boolean {
  return ['prometheus', 'promtool'].every((name) => spawnSync(name, ['--version']).error === undefined);
}

/** What `promtool check metrics` has against a page, one complaint a line. */
export function complaintsAbout(page: string): Promise<readonly string[]> {
  return new Promise((resolve) => {
    const child = execFile('promtool', ['check', 'metrics'], (_error, stdout, stderr) => {
      resolve(`${stdout}${stderr}`.split('\n').filter((line) => line !== ''));
    });
    child.stdin?.end(page);
  });
}

/** A rule of an alert, as Prometheus has evaluated it. */
export interface EvaluatedRule {
  readonly name: string;
  /** `ok`, or `err` with what is wrong. */
  readonly health: string;
  readonly lastError?: string;
  readonly state?: string;
}

/** A Prometheus of one's own that scrapes one broker every second. */
export class Prometheus {
  readonly #child: ChildProcess;
  readonly #directory: string;
  readonly #url: string;

  private constructor(child: ChildProcess, directory: string, url: string) {
    this.#child = child;
    this.#directory = directory;
    this.#url = url;
  }

  /** @throws Error when it does not come up */
  static async start(target: string, ruleFiles: readonly string[]): Promise<Prometheus> {
    const directory = await mkdtemp(join(tmpdir(), 'check-prometheus-'));
    // Kubernetes adds the namespace, and RabbitMQ's dashboards choose by it.
    const static_configs = [{ targets: [target], labels: { namespace: 'default' } }];
    const config = {
      global: { scrape_interval: '1s', evaluation_interval: '1s' },
      rule_files: ruleFiles,
      scrape_configs: [
        { job_name: 'leveret', static_configs },
        // Rules about single queues ask for it; dashboards would find every node twice.
        ...(ruleFiles.length === 0
          ? []
          : [
              {
                job_name: 'queues',
                metrics_path: '/metrics/detailed',
                params: { family: ['queue_coarse_metrics', 'queue_consumer_count'] },
                static_configs,
              },
            ]),
      ],
    };
    // JSON is YAML.
    await writeFile(join(directory, 'prometheus.yml'), JSON.stringify(config));
    const address = `127.0.0.1:${await freePort()}`;
    const child = spawn(
      'prometheus',
      [
        `--config.file=${join(directory, 'prometheus.yml')}`,
        `--storage.tsdb.path=${join(directory, 'data')}`,
        `--web.listen-address=${address}`,
        '--log.level=warn',
      ],
      { stdio: ['ignore', 'inherit', 'inherit'] },
    );
    const prometheus = new Prometheus(child, directory, `http://${address}`);
    try {
      await prometheus.#ready();
    } catch (error) {
      await prometheus.stop();
      throw error;
    }
    return prometheus;
  }

  /** The values that a query has now. @throws Error for one that is wrong */
  async query(expression: string): Promise<readonly number[]> {
    const { result } = await this.#get<{ result: readonly { value: readonly [number, string] }[] }>(
      `query?query=${encodeURIComponent(expression)}`,
    );
    return result.map(({ value: [, text] }) => Number(text));
  }

  async rules(): Promise<readonly EvaluatedRule[]> {
    const { groups } = await this.#get<{ groups: readonly { rules: readonly EvaluatedRule[] }[] }>('rules');
    return groups.flatMap(({ rules }) => rules);
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode === null) {
      this.#child.kill();
      await once(this.#child, 'exit');
    }
    await rm(this.#directory, { recursive: true });
  }

  async #get<Data>(path: string): Promise<Data> {
    const response = await fetch(`${this.#url}/api/v1/${path}`);
    const answer: { status: string; error?: string; data: Data } = JSON.parse(await response.text());
    if (answer.status !== 'success') throw new Error(answer.error ?? 'Prometheus has failed');
    return answer.data;
  }

  async #ready(): Promise<void> {
    for (const deadline = Date.now() + startTimeoutMs; Date.now() < deadline; await sleep(100)) {
      if (this.#child.exitCode !== null) break;
      const response = await fetch(`${this.#url}/-/ready`).catch(() => undefined);
      if (response?.ok) return;
    }
    throw new Error('prometheus did not come up: its last line above says why');
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no TCP port to be had');
  return address.port;
}
