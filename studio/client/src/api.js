// How the page asks the server.

export class Refused extends Error {
  constructor(error) {
    super(error.message);
    this.help = error.help;
    this.code = error.code;
    this.text = error.text;
  }
}

async function answerOf(response) {
  const found = await response.json();
  if (found.error) throw new Refused(found.error);
  return found;
}

export async function get(path) {
  return answerOf(await fetch(path));
}

export async function post(path, values) {
  const response = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(values),
  });
  return answerOf(response);
}

export async function drop(file) {
  const response = await fetch(`/api/drop?name=${encodeURIComponent(file.name)}`, {
    method: "POST",
    headers: { "Content-Type": "application/octet-stream" },
    body: file,
  });
  return answerOf(response);
}
