// Forms with data-passkey="create" or "get": the browser makes or shows a passkey, and the form carries
// its answer in the hidden field `credential`. The options stand in the page as JSON, or, where nobody
// is known yet, at the address in data-passkey-options.
const bytes = (text) => {
  const padded = text.replace(/-/g, "+").replace(/_/g, "/");
  return Uint8Array.from(atob(padded), (letter) => letter.charCodeAt(0));
};
const text = (buffer) => {
  if (!buffer) return null;
  const letters = Array.from(new Uint8Array(buffer), (byte) => String.fromCharCode(byte)).join("");
  return btoa(letters).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
};
const known = (list) => (list ?? []).map((one) => ({ ...one, id: bytes(one.id) }));

const options = async (form) => {
  const place = form.dataset.passkeyOptions;
  if (!place) return JSON.parse(document.getElementById("passkey-options").textContent);
  const answer = await fetch(place, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(answer.statusText);
  return answer.json();
};

const create = async (form) => {
  const { publicKey } = (await options(form)).creation_options;
  const alone = form.elements.namedItem("passwordless")?.checked ?? false;
  const credential = await navigator.credentials.create({
    publicKey: {
      ...publicKey,
      challenge: bytes(publicKey.challenge),
      user: { ...publicKey.user, id: bytes(publicKey.user.id) },
      excludeCredentials: known(publicKey.excludeCredentials),
      authenticatorSelection: {
        ...publicKey.authenticatorSelection,
        residentKey: alone ? "required" : "discouraged",
        requireResidentKey: alone,
        ...(alone && { userVerification: "required" }),
      },
    },
  });
  const { response } = credential;
  return {
    attestationObject: text(response.attestationObject),
    clientDataJSON: text(response.clientDataJSON),
    transports: response.getTransports?.() ?? [],
    of: credential,
  };
};

const get = async (form) => {
  const { publicKey } = (await options(form)).request_options;
  const credential = await navigator.credentials.get({
    publicKey: {
      ...publicKey,
      challenge: bytes(publicKey.challenge),
      allowCredentials: known(publicKey.allowCredentials),
    },
  });
  const { response } = credential;
  return {
    authenticatorData: text(response.authenticatorData),
    clientDataJSON: text(response.clientDataJSON),
    signature: text(response.signature),
    userHandle: text(response.userHandle),
    of: credential,
  };
};

const ACTS = { create, get };

const answerOf = async (form) => {
  const { of, ...response } = await ACTS[form.dataset.passkey](form);
  return JSON.stringify({
    type: of.type,
    id: of.id,
    rawId: text(of.rawId),
    authenticatorAttachment: of.authenticatorAttachment,
    clientExtensionResults: of.getClientExtensionResults(),
    response,
  });
};

const tell = (form, what) => {
  const trouble = form.querySelector("[data-passkey-trouble]");
  trouble.textContent = trouble.dataset[what];
  trouble.hidden = false;
};

const offered = () => "PublicKeyCredential" in window && !/^[\d.]+$|^\[/.test(location.hostname);

document.addEventListener("submit", async (event) => {
  const form = event.target.closest("[data-passkey]");
  if (!form) return;
  event.preventDefault();
  if (!offered()) {
    tell(form, "none");
    return;
  }
  try {
    form.elements.namedItem("credential").value = await answerOf(form);
  } catch {
    // Dismissed, timed out, or a device that is known already: browsers do not tell which.
    tell(form, "refused");
    return;
  }
  form.submit();
});
