// A cursor over a picture while its sound plays; a click on the picture goes there.
document.querySelectorAll(".player").forEach(player => {
  const audio = player.querySelector("audio"), picture = player.querySelector(".seen");
  const cursor = document.createElement("span");
  cursor.className = "cursor";
  picture.append(cursor);
  const left = Number(player.dataset.left), right = Number(player.dataset.right);
  const seconds = () => Number(player.dataset.seconds) || audio.duration;
  const show = () => {
    const part = left + (right - left) * Math.min(audio.currentTime / seconds(), 1);
    cursor.style.left = `${100 * part}%`;
    cursor.hidden = audio.currentTime === 0 && audio.paused;
    if (!audio.paused) requestAnimationFrame(show);
  };
  ["play", "seeked", "pause", "ended"].forEach(name => audio.addEventListener(name, show));
  picture.addEventListener("click", event => {
    const box = picture.getBoundingClientRect();
    const part = ((event.clientX - box.left) / box.width - left) / (right - left);
    audio.currentTime = Math.max(0, Math.min(1, part)) * seconds();
    audio.play();
  });
  show();
});
