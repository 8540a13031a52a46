// A headless Chromium, spoken to over a pipe: no package, no port, no network. Needs Node 18 or later, and Chromium: $CHROMIUM, or one on PATH.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome', 'headless_shell'];

/** The first Chromium that answers, or null. */
export const find = () => {
  const names = process.env.CHROMIUM ? [process.env.CHROMIUM] : NAMES;
  return names.find((name) => spawnSync(name, ['--version']).status === 0) ?? null;
};

/** Starts it. `open()` gives a tab; `close()` ends all and leaves nothing. */
export const launch = async (program) => {
  const profile = mkdtempSync(join(tmpdir(), 'gramflow-browser-'));
  const flags = ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run', '--hide-scrollbars',
    '--force-device-scale-factor=1', '--remote-debugging-pipe', `--user-data-dir=${profile}`, 'about:blank'];
  const child = spawn(program, flags, { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] });
  const [to, from] = [child.stdio[3], child.stdio[4]];
  const waiting = new Map(), listeners = [];
  let last = 0, rest = '';
  from.setEncoding('utf8');
  from.on('data', (text) => {
    const messages = (rest + text).split('\0');
    rest = messages.pop();
    for (const message of messages.map((json) => JSON.parse(json))) {
      if (message.id === undefined) { listeners.forEach((listener) => listener(message)); continue; }
      const { resolve, reject, method } = waiting.get(message.id);
      waiting.delete(message.id);
      if (message.error) reject(new Error(`${method}: ${message.error.message}`)); else resolve(message.result);
    }
  });
  const send = (method, params = {}, sessionId = undefined) => new Promise((resolve, reject) => {
    last += 1;
    waiting.set(last, { resolve, reject, method });
    to.write(`${JSON.stringify({ id: last, method, params, sessionId })}\0`);
  });
  const open = async () => {
    const { targetId } = await send('Target.createTarget', { url: 'about:blank' });
    const { sessionId } = await send('Target.attachToTarget', { targetId, flatten: true });
    const on = (listener) => listeners.push((message) => { if (message.sessionId === sessionId) listener(message); });
    const call = (method, params) => send(method, params, sessionId);
    /** The value of an expression, or of a function called with these JSON arguments. */
    const evaluate = async (what, ...args) => {
      const expression = typeof what === 'function' ? `(${what})(${args.map((arg) => JSON.stringify(arg)).join(',')})` : what;
      const { result, exceptionDetails } = await call('Runtime.evaluate', { expression, returnByValue: true, awaitPromise: true });
      if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
      return result.value;
    };
    return { call, on, evaluate, close: () => send('Target.closeTarget', { targetId }) };
  };
  const close = async () => {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    await send('Browser.close').catch(() => child.kill());
    await ended;
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  };
  return { open, close };
};
